import { createRoot } from 'react-dom/client';
import { App } from './App.jsx';
import { Mishap } from './Mishap.jsx';
import './colours.css';

createRoot(document.getElementById('root')).render(
  <Mishap>
    <App />
  </Mishap>,
);
